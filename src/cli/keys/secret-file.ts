// Files with one secret key: docs/key-files.md.

import { closeSync, fsyncSync, openSync, unlinkSync, writeFileSync } from 'node:fs'
import type { KeyPair } from '../../node/index.js'
import { decodeSecretKey, encodePublicKey, encodeSecretKey, publicKeyOf } from '../../node/index.js'
import { Failure } from '../frame/failure.js'
import { readPrivate, type Trust } from './private-file.js'
import { isSealed, readSealed, seal, unseal } from './sealed.js'

/** The text of a secret key file; with a passphrase, it needs that to be read. */
export async function secretFileText(keyPair: KeyPair, passphrase?: string): Promise<string> {
  const key = passphrase === undefined ? encodeSecretKey(keyPair.secretKey) : await seal(keyPair.secretKey, passphrase)
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
      throw new Failure(`${path} exists, and a key that is overwritten is lost`, 'give another name, or move it away')
    }
    throw new Failure(`${path} cannot be created: ${message}`)
  }
  try {
    writeFileSync(descriptor, text)
    fsyncSync(descriptor)
  } catch (error) {
    unlinkSync(path)
    throw new Failure(`${path} cannot be written: ${(error as Error).message}`, 'nothing was left behind')
  } finally {
    closeSync(descriptor)
  }
}

/**
 * The key pair that a file holds.
 * @param passphrase asked for the passphrase, where the file needs one
 * @throws Failure where others than its owner can read the file, and where it is wrong
 */
export async function readSecretFile(
  path: string,
  passphrase: () => string | Promise<string>,
  trust: Trust = 'checked',
): Promise<KeyPair> {
  return await keyPairIn(readSecretText(path, trust), path, passphrase)
}

/** @throws Failure where others than its owner can read the file */
export function readSecretText(path: string, trust: Trust): string {
  return readPrivate(path, { absent: 'nopki keygen -o FILE makes a secret key', trust })
}

/** The key pair in a file's text. @throws Failure where it is wrong, which names the line */
export async function keyPairIn(
  text: string,
  path: string,
  passphrase: () => string | Promise<string>,
): Promise<KeyPair> {
  const { line, number } = keyLine(text, path)
  const where = `${path}:${number}`
  const secretKey = isSealed(line)
    ? await unseal(readSealed(line, where), await passphrase(), where)
    : decode(line, where)
  return { secretKey, publicKey: publicKeyOf(secretKey) }
}

/** The one line that is neither empty nor a comment. */
function keyLine(text: string, path: string): { line: string; number: number } {
  const lines = text.split(/\r?\n/).map((line, at) => ({ line: line.trim(), number: at + 1 }))
  const [first, second] = lines.filter(({ line }) => line !== '' && !line.startsWith('#'))
  if (!first) throw new Failure(`${path} has no key in it`, 'nopki keygen -o FILE makes one')
  if (second) throw new Failure(`${path}:${second.number}: a second key`, 'a secret key file holds one')
  return first
}

function decode(line: string, where: string): Uint8Array {
  try {
    return decodeSecretKey(line)
  } catch (error) {
    throw Failure.at(where, error)
  }
}
