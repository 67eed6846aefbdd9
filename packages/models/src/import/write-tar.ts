/** An entry of a tar archive for tests; the type is that of ustar, `0` a file. */
export type TarFile = { name: string; type?: string; link?: string; content?: Uint8Array };

const BLOCK_BYTES = 512;

/** A ustar archive, for tests: names are written as they are, whatever they are. */
export function tarOf(files: readonly TarFile[]): Buffer {
  const blocks = files.flatMap(({ name, type = '0', link = '', content = Buffer.alloc(0) }) => {
    const header = Buffer.alloc(BLOCK_BYTES);
    header.write(name, 0, 100);
    header.write(`${content.length.toString(8).padStart(11, '0')}`, 124);
    header.fill(' ', 148, 156);
    header.write(type, 156);
    header.write(link, 157, 100);
    header.write('ustar\x0000', 257, 'latin1');
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
    const padding = Buffer.alloc((BLOCK_BYTES - (content.length % BLOCK_BYTES)) % BLOCK_BYTES);
    return [header, content, padding];
  });
  return Buffer.concat([...blocks, Buffer.alloc(2 * BLOCK_BYTES)]);
}
