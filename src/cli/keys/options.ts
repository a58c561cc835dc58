// The options by which a command gets a secret key.

import type { Trust } from '../../node/files/private-file.js'
import { readSecretFile } from '../../node/files/secret-file.js'
import { generateKeyPair, type KeyPair } from '../../node/index.js'
import { announce } from '../frame/progress.js'
import { askPassphrase, readPassphrase } from './passphrase.js'

export const keyOptions = {
  key: {
    short: 'k',
    value: 'FILE',
    summary: 'the secret key file of this end, as keygen makes it',
    completes: 'file',
  },
  'passphrase-file': {
    value: 'FILE|fd:N',
    summary: 'takes the key file’s passphrase from here: the first line of a file or of an open descriptor',
    completes: 'file',
  },
  'insecure-key-file': {
    summary: 'takes the key file, and the passphrase file, whoever owns them or may read them',
  },
} as const

/** What `loadKey` needs besides the file’s name. */
export interface KeyAccess {
  'passphrase-file'?: string | undefined
  'insecure-key-file'?: boolean
}

export interface KeyValues extends KeyAccess {
  key: string | undefined
}

/** The key pair that the options name; without them, one that nobody knows. */
export async function keyPairOf(values: KeyValues): Promise<KeyPair> {
  return values.key === undefined ? generateKeyPair() : await loadKey(values.key, values)
}

/** The key pair in a file; if it is sealed, its passphrase is asked for at the terminal, or read from where the options say. */
export async function loadKey(path: string, access: KeyAccess = {}): Promise<KeyPair> {
  return await readSecretFile(path, () => passphraseOf(path, access), trustOf(access), announce)
}

/** The passphrase of a key file, from where the options say. */
export function passphraseOf(path: string, access: KeyAccess): string | Promise<string> {
  const { 'passphrase-file': source } = access
  return source === undefined ? askPassphrase(`passphrase of ${path}: `) : readPassphrase(source, trustOf(access))
}

export function trustOf({ 'insecure-key-file': insecure = false }: KeyAccess): Trust {
  return insecure ? 'insecure' : 'checked'
}
