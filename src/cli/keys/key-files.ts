// The key files of a server: one, or several while it changes from one key to another. Read at the start, and anew when it is told to.

import { keyPairIn, readSecretText } from '../../node/files/secret-file.js'
import { encodePublicKey, generateKeyPair, type KeyPair } from '../../node/index.js'
import { Failure } from '../frame/failure.js'
import { log } from '../frame/output.js'
import { announce } from '../frame/progress.js'
import { type KeyAccess, keyOptions, passphraseOf, trustOf } from './options.js'

export const serverKeyOptions = {
  ...keyOptions,
  key: {
    ...keyOptions.key,
    multiple: true,
    summary:
      'the secret key file of this end, as keygen makes it; up to eight, the newest first: a client gets the proof of the one it asks for',
  },
  'default-key': {
    value: 'FILE',
    summary: 'which of several --key is for clients that ask for none; without it they get no answer',
    completes: 'file',
  },
} as const

export interface ServerKeyValues extends KeyAccess {
  key: string[]
  'default-key': string | undefined
}

/** What a SecureServer takes. */
export interface ServerKeys {
  keyPairs: KeyPair[]
  keyPair?: KeyPair
}

interface ReadKey {
  text: string
  keyPair: KeyPair
}

export class KeyFiles {
  readonly #paths: readonly string[]
  readonly #default: string | undefined
  readonly #access: KeyAccess
  #read: ReadonlyMap<string, ReadKey>
  #current: ServerKeys
  #trouble = ''
  #reading: Promise<void> = Promise.resolve()

  private constructor(values: ServerKeyValues, read: ReadonlyMap<string, ReadKey>) {
    this.#paths = values.key
    this.#default = values['default-key']
    this.#access = values
    this.#read = read
    this.#current = this.#pick()
  }

  /** Without a file, a key that nobody knows. @throws Failure where a file is wrong, or the options do not agree */
  static async open(values: ServerKeyValues): Promise<KeyFiles> {
    const { key: paths, 'default-key': named } = values
    if (paths.length > MOST)
      throw Failure.usage(`--key was given ${paths.length} times`, `a server has ${MOST} at most`)
    if (named !== undefined && !paths.includes(named)) {
      throw Failure.usage(`--default-key is no file of --key`, 'give one of them, spelt alike')
    }
    if (paths.length === 0) return new KeyFiles(values, new Map([['', { text: '', keyPair: generateKeyPair() }]]))
    return new KeyFiles(values, await readAll(paths, values, new Map(), 'starting'))
  }

  get current(): ServerKeys {
    return this.#current
  }

  /** The public keys, `pk_…`, each once, the newest first. */
  get names(): string[] {
    return [...new Set(this.#current.keyPairs.map(it => encodePublicKey(it.publicKey)))]
  }

  /** Why the files were not taken when they were last read; empty where they were. */
  get trouble(): string {
    return this.#trouble
  }

  /** Reads all files anew. If one is wrong, all keys stay as they were, and it is logged. */
  async reload(onChange: (keys: ServerKeys) => void): Promise<void> {
    this.#reading = this.#reading.then(() => this.#reload(onChange))
    await this.#reading
  }

  async #reload(onChange: (keys: ServerKeys) => void): Promise<void> {
    if (this.#paths.length === 0) return
    const before = this.#read
    try {
      this.#read = await readAll(this.#paths, this.#access, before, 'running')
      const keys = this.#pick()
      if (String(keys.keyPairs.map(it => it.publicKey)) !== String(this.#current.keyPairs.map(it => it.publicKey))) {
        onChange(keys)
        this.#current = keys
        log.info(`the key files were read anew: ${this.names.join(', ')}`)
      }
      this.#trouble = ''
    } catch (error) {
      this.#read = before
      const { message, hint } = Failure.of(error)
      log.warn(`${message}; the keys that were read before stay in force`, hint)
      this.#trouble = message
    }
  }

  #pick(): ServerKeys {
    const keyPairs = [...this.#read.values()].map(it => it.keyPair)
    const keyPair = this.#default === undefined ? undefined : this.#read.get(this.#default)?.keyPair
    return { keyPairs, ...(keyPair && { keyPair }) }
  }
}

/** Each file once; what has not changed needs no passphrase again. */
async function readAll(
  paths: readonly string[],
  access: KeyAccess,
  before: ReadonlyMap<string, ReadKey>,
  when: 'starting' | 'running',
): Promise<Map<string, ReadKey>> {
  const read = new Map<string, ReadKey>()
  let given: string | Promise<string> | undefined
  for (const path of paths) {
    const text = readSecretText(path, trustOf(access))
    const known = before.get(path)
    // One that is asked for at the terminal, or comes from a descriptor, is there once.
    const passphrase = () => {
      if (when === 'running' && !access['passphrase-file']?.match(/^(?!fd:)/)) throw noPassphrase(path)
      given ??= passphraseOf(path, access)
      return given
    }
    read.set(path, known?.text === text ? known : { text, keyPair: await keyPairIn(text, path, passphrase, announce) })
  }
  return read
}

function noPassphrase(path: string): Failure {
  return new Failure(
    `${path} has changed, and its passphrase cannot be asked for while this runs`,
    'give --passphrase-file FILE, or start anew',
  )
}

const MOST = 8
