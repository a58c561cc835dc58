// A secret key under a passphrase, as one line of text: docs/key-files.md. Argon2id makes the key, XChaCha20-Poly1305 seals with it.

import { badFile } from './bad-file.js'

async function sodium() {
  try {
    const { default: it } = await import('libsodium-wrappers-sumo')
    await it.ready
    return it
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error
    const [reason, next] = notInstalled('libsodium-wrappers-sumo', 'A passphrase')
    throw badFile(reason, next)
  }
}

/** Of a package that only a few need, and that is therefore not installed with this one: what is said, and what to do. */
export function notInstalled(name: string, what: string): [string, string] {
  return [`${what} needs the package ${name}, which is not installed`, `npm install ${name}, beside nopki`]
}

/** Says what is being waited for, for nothing else happens meanwhile; what it returns is called when it is over. */
export type Announce = (text: string) => () => void
const silently: Announce = () => () => {}

type Sodium = Awaited<ReturnType<typeof sodium>>

/** Whether a line of a secret key file is one that a passphrase opens. */
export function isSealed(line: string): boolean {
  return line.startsWith(PREFIX)
}

/** @param secretKey 32 bytes @returns the line */
export async function seal(secretKey: Uint8Array, passphrase: string, announce = silently): Promise<string> {
  const it = await sodium()
  const salt = it.randombytes_buf(SALT_BYTES)
  const nonce = it.randombytes_buf(NONCE_BYTES)
  const head = `${PREFIX}1 argon2id operations=${OPERATIONS} memory=${MEMORY} salt=${base64(salt)} nonce=${base64(nonce)}`
  const key = deriveKey(it, passphrase, { salt, operations: OPERATIONS, memory: MEMORY }, announce)
  const box = it.crypto_aead_xchacha20poly1305_ietf_encrypt(secretKey, head, null, nonce, key)
  it.memzero(key)
  return `${head} box=${base64(box)}`
}

/** @param where names the file and line in errors @throws ChannelError USE_BAD_FILE where the passphrase is wrong */
export async function unseal(
  sealed: Sealed,
  passphrase: string,
  where: string,
  announce = silently,
): Promise<Uint8Array> {
  const { head, nonce, box } = sealed
  const it = await sodium()
  const key = deriveKey(it, passphrase, sealed, announce)
  try {
    return it.crypto_aead_xchacha20poly1305_ietf_decrypt(null, box, head, nonce, key)
  } catch {
    throw badFile(`the passphrase does not open ${where}`, 'try again; if it is right, the file was changed')
  } finally {
    it.memzero(key)
  }
}

/** A sealed line's fields. */
interface Sealed {
  /** What comes before the box, and is under the seal too. */
  head: string
  operations: number
  /** In bytes. */
  memory: number
  salt: Uint8Array
  nonce: Uint8Array
  box: Uint8Array
}

/**
 * The fields, within bounds: a file from elsewhere can ask for no more than some seconds and 1 GiB.
 * @param where names the file and line in errors @throws ChannelError USE_BAD_FILE where the line is wrong
 */
export function readSealed(line: string, where: string): Sealed {
  const bad = (what: string) => badFile(`${where}: ${what}`, 'the file was changed, or a later nopki wrote it')
  if (line.length > LONGEST_LINE) throw bad('the line is too long')
  const version = /^\S+ (\S+)/.exec(line)?.[1]
  if (version !== '1') throw bad('it is sealed in a form that this version does not know')
  const match = LINE.exec(line)
  if (!match?.groups) throw bad('the sealed key does not have the fields that it should')
  const { head = '', operations, memory, salt, nonce, box } = match.groups
  const cost = { operations: Number(operations), memory: Number(memory) }
  if (cost.operations < 1 || cost.memory < LEAST_MEMORY) throw bad('the passphrase is hashed with less than the least')
  if (cost.memory > MOST_MEMORY || cost.operations * cost.memory > MOST_WORK) {
    throw bad('hashing the passphrase would take more memory or time than is allowed')
  }
  const bytes = (text = '') => new Uint8Array(Buffer.from(text, 'base64url'))
  return { head, ...cost, salt: bytes(salt), nonce: bytes(nonce), box: bytes(box) }
}

function deriveKey(
  it: Sodium,
  passphrase: string,
  { salt, operations, memory }: Pick<Sealed, 'salt' | 'operations' | 'memory'>,
  announce: Announce,
): Uint8Array {
  const done = announce('making a key of the passphrase…')
  try {
    return it.crypto_pwhash(KEY_BYTES, passphrase, salt, operations, memory, it.crypto_pwhash_ALG_ARGON2ID13)
  } finally {
    done()
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url')
}

const PREFIX = 'sealed '
const KEY_BYTES = 32
const SALT_BYTES = 16
const NONCE_BYTES = 24
// libsodium's "moderate": about a second.
const OPERATIONS = 3
const MEMORY = 256 * 1024 * 1024
const LEAST_MEMORY = 8 * 1024 * 1024
const MOST_MEMORY = 1024 * 1024 * 1024
// Operations times bytes.
const MOST_WORK = 4 * MOST_MEMORY
const LONGEST_LINE = 300
// 16, 24 and 32 + 16 bytes in base64url.
const LINE =
  /^(?<head>sealed 1 argon2id operations=(?<operations>\d{1,3}) memory=(?<memory>\d{1,11}) salt=(?<salt>[\w-]{22}) nonce=(?<nonce>[\w-]{32})) box=(?<box>[\w-]{64})$/
