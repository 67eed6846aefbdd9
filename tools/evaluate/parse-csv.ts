/** Rows of a CSV with a head line, by column name. Quoted cells may hold commas, quotes and line ends (RFC 4180). */
export function parseCsv(text: string): Record<string, string>[] {
  const lines = splitCells(text.replace(/^\uFEFF/, '')).filter((cells) => cells.length > 1 || cells[0] !== '');
  const head = lines[0]?.map((name) => name.trim()) ?? [];
  return lines.slice(1).map((cells, i) => {
    if (cells.length !== head.length) {
      throw new Error(`row ${i + 2} has ${cells.length} cells, the head line has ${head.length}`);
    }
    return Object.fromEntries(head.map((name, column) => [name, cells[column]!]));
  });
}

/** The CSV of these rows; a cell that could be misread is quoted. */
export function formatCsv(head: readonly string[], rows: readonly (readonly (string | number)[])[]): string {
  const cell = (value: string | number) => {
    const text = String(value);
    return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
  };
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

function splitCells(text: string): string[][] {
  const lines: string[][] = [];
  let cells: string[] = [];
  let cell = '';
  let isQuoted = false;
  for (let i = 0; i < text.length; i++) {
    const char = text[i]!;
    if (isQuoted) {
      if (char !== '"') cell += char;
      else if (text[i + 1] === '"') cell += text[++i];
      else isQuoted = false;
    } else if (char === '"' && cell === '') isQuoted = true;
    else if (char === ',') {
      cells.push(cell);
      cell = '';
    } else if (char === '\n') {
      lines.push([...cells, cell.replace(/\r$/, '')]);
      cells = [];
      cell = '';
    } else cell += char;
  }
  if (cell !== '' || cells.length > 0) lines.push([...cells, cell]);
  return lines;
}
