// Files with one secret key: docs/key-files.md.

import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import { derivePublicKey, type KeyPair } from '../../keys/pair.js'
import { decodeSecretKey, encodePublicKey, encodeSecretKey } from '../../keys/text.js'
import { nodeCore } from '../load.js'
import { badFile, badFileAt } from './bad-file.js'
import { readPrivate, type Trust } from './private-file.js'
import { type Announce, isSealed, readSealed, seal, unseal } from './sealed.js'

/** The text of a secret key file; with a passphrase, it needs that to be read. */
export async function secretFileText(keyPair: KeyPair, passphrase?: string, announce?: Announce): Promise<string> {
  const { secretKey } = keyPair
  const key = passphrase === undefined ? encodeSecretKey(secretKey) : await seal(secretKey, passphrase, announce)
  return `# public key: ${encodePublicKey(keyPair.publicKey)}\n${key}\n`
}

/** Creates the file, for its owner alone. Nothing is overwritten, and nothing half-written stays. */
export function createSecretFile(path: string, text: string): void {
  let descriptor: number
  try {
    descriptor = openSync(path, 'wx', 0o600)
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'EEXIST') {
      throw badFile(`${path} exists, and a key that is overwritten is lost`, 'give another name, or move it away')
    }
    throw badFile(`${path} cannot be created: ${message}`)
  }
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } catch (error) {
    unlinkSync(path)
    throw badFile(`${path} cannot be written: ${(error as Error).message}`, 'nothing was left behind')
  } finally {
    closeSync(descriptor)
  }
}

/**
 * The key pair that a file holds.
 * @param passphrase asked for the passphrase, where the file needs one
 * @throws ChannelError USE_BAD_FILE where others than its owner can read the file, and where it is wrong
 */
export async function readSecretFile(
  path: string,
  passphrase: () => string | Promise<string>,
  trust: Trust = 'checked',
  announce?: Announce,
): Promise<KeyPair> {
  return await keyPairIn(readSecretText(path, trust), path, passphrase, announce)
}

/** @throws ChannelError USE_BAD_FILE where others than its owner can read the file */
export function readSecretText(path: string, trust: Trust): string {
  return readPrivate(path, { absent: 'nopki keygen -o FILE makes a secret key', trust })
}

/** The key pair in a file's text. @throws ChannelError USE_BAD_FILE where it is wrong, which names the line */
export async function keyPairIn(
  text: string,
  path: string,
  passphrase: () => string | Promise<string>,
  announce?: Announce,
): Promise<KeyPair> {
  const { line, number } = keyLine(text, path)
  const where = `${path}:${number}`
  const secretKey = isSealed(line)
    ? await unseal(readSealed(line, where), await passphrase(), where, announce)
    : decode(line, where)
  return { secretKey, publicKey: derivePublicKey(nodeCore(), secretKey) }
}

/** The one line that is neither empty nor a comment. */
function keyLine(text: string, path: string): { line: string; number: number } {
  const lines = text.split(/\r?\n/).map((line, at) => ({ line: line.trim(), number: at + 1 }))
  const [first, second] = lines.filter(({ line }) => line !== '' && !line.startsWith('#'))
  if (!first) throw badFile(`${path} has no key in it`, 'nopki keygen -o FILE makes one')
  if (second) throw badFile(`${path}:${second.number}: a second key`, 'a secret key file holds one')
  return first
}

function decode(line: string, where: string): Uint8Array {
  try {
    return decodeSecretKey(line)
  } catch (error) {
    throw badFileAt(where, error)
  }
}
