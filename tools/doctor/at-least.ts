/** Whether a version such as `7.0.15` or `v24.1.0-rc.1` is not below a minimum such as `6.2`. */
export function isAtLeast(version: string, minimum: string): boolean {
  const numbers = (text: string) => text.replace(/^\D*/, '').split(/[-+]/)[0]!.split('.').map(Number);
  const found = numbers(version);
  for (const [i, wanted] of numbers(minimum).entries()) {
    const part = found[i] ?? 0;
    if (part !== wanted) return part > wanted;
  }
  return true;
}
