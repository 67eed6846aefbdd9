import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { deriveKey } from './derive-key.ts';
import type { SecretKeys } from './load-secret-keys.ts';

/** Texts that rest in the object store and are of use to the service alone. */
export type SecretBox = {
  /** `context` names what the text belongs to: it is not stored, and opening takes the same. */
  seal(text: string, context: string): string;
  /** Throws when none of the keys fits, the context is another one or a bit has changed. */
  open(sealed: string, context: string): string;
};

const CIPHER = 'aes-256-gcm';
const FORM = 'gcm1.';
const NONCE_BYTES = 12;
const TAG_BYTES = 16;

/** AES-256-GCM; random nonces are safe for up to 2^32 secrets per key (NIST SP 800-38D 8.3). */
export function openSecretBox(secretKeys: SecretKeys): SecretBox {
  const keys = secretKeys.map((key) => deriveKey(key, 'secret-box/v1'));
  const [sealing] = keys;
  if (sealing === undefined) throw new Error('a secret box needs a key');
  return {
    seal(text, context) {
      const nonce = randomBytes(NONCE_BYTES);
      const cipher = createCipheriv(CIPHER, sealing, nonce, { authTagLength: TAG_BYTES });
      cipher.setAAD(Buffer.from(context));
      const hidden = Buffer.concat([cipher.update(text, 'utf8'), cipher.final()]);
      return FORM + Buffer.concat([nonce, hidden, cipher.getAuthTag()]).toString('base64url');
    },
    open(sealed, context) {
      const bytes = Buffer.from(sealed.slice(FORM.length), 'base64url');
      if (sealed.startsWith(FORM) && bytes.length >= NONCE_BYTES + TAG_BYTES) {
        for (const key of keys) {
          const text = openWith(key, bytes, context);
          if (text !== null) return text;
        }
      }
      throw new Error('a sealed secret cannot be opened: by another SECRET_KEY, moved or changed');
    },
  };
}

function openWith(key: Buffer, bytes: Buffer, context: string): string | null {
  const decipher = createDecipheriv(CIPHER, key, bytes.subarray(0, NONCE_BYTES), { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(context));
  decipher.setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const text = decipher.update(bytes.subarray(NONCE_BYTES, -TAG_BYTES));
    return Buffer.concat([text, decipher.final()]).toString('utf8');
  } catch {
    return null;
  }
}
