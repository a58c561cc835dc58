// The options by which a command gets a secret key.

import { generateKeyPair, type KeyPair } from '../../node/index.js'
import { askPassphrase, readPassphrase } from './passphrase.js'
import { readSecretFile } from './secret-file.js'

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
} as const

interface KeyValues {
  key: string | undefined
  'passphrase-file': string | undefined
}

/** The key pair that the options name; without them, one that nobody knows. */
export async function keyPairOf(values: KeyValues): Promise<KeyPair> {
  return values.key === undefined ? generateKeyPair() : await loadKey(values.key, values['passphrase-file'])
}

/** The key pair in a file; where it is sealed, its passphrase is asked for at the terminal, or read from `source`. */
export async function loadKey(path: string, source: string | undefined): Promise<KeyPair> {
  return await readSecretFile(path, () =>
    source === undefined ? askPassphrase(`passphrase of ${path}: `) : readPassphrase(source),
  )
}
