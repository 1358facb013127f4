/** From a file's bytes to its text, as the language reads it. */

/** PEP 263: in a comment on one of the first two lines, the first of which is a comment or empty. */
const DECLARED = /^(?:[ \t\f]*(?:#.*)?\r?\n)?[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)/;
/** Python's names of encodings that the platform knows by others. */
const ALIASES: Readonly<Record<string, string>> = { 'iso-latin-1': 'latin1', 'latin-1': 'latin1', 'utf-8-sig': 'utf-8' };

/** The text of Python source; `undefined` where Python would refuse the bytes: another encoding than it declares, or a null. */
export function pythonText(bytes: Buffer): string | undefined {
  const declared = DECLARED.exec(bytes.toString('latin1', 0, 1_000))?.[1]
    ?.toLowerCase()
    .replaceAll('_', '-');
  const text = decoded(bytes, ALIASES[declared ?? ''] ?? declared ?? 'utf-8');
  return text?.includes('\0') ? undefined : text;
}

/** The text of TypeScript or JavaScript: what is no UTF-8 is replaced, as every engine does it. */
export const scriptText = (bytes: Buffer): string => new TextDecoder().decode(bytes);

function decoded(bytes: Buffer, encoding: string): string | undefined {
  try {
    return new TextDecoder(encoding, { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
