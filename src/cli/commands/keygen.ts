import { fstatSync } from 'node:fs'
import { createSecretFile, secretFileText } from '../../node/files/secret-file.js'
import { encodePublicKey, generateKeyPair } from '../../node/index.js'
import { defineCommand } from '../frame/command.js'
import { Failure } from '../frame/failure.js'
import { log, print, printJson } from '../frame/output.js'
import { announce } from '../frame/progress.js'
import { askPassphrase, readPassphrase } from '../keys/passphrase.js'

export const keygen = defineCommand({
  name: 'keygen',
  summary: 'makes a key pair',
  description: `Makes a key pair, writes the secret key to a new file that only its owner can read, and prints the public key, which
    is for everyone to know. An existing file is never overwritten. Without --output the text of the secret key file is printed, and
    the public key goes to standard error.`,
  args: [],
  options: {
    output: { short: 'o', value: 'FILE', summary: 'the file to create, with mode 0600', completes: 'file' },
    passphrase: { short: 'p', summary: 'protects the secret key by a passphrase, asked for at the terminal' },
    'passphrase-file': {
      value: 'FILE|fd:N',
      summary: 'protects it by a passphrase from here: the first line of a file or of an open descriptor',
      completes: 'file',
    },
    json: { summary: 'prints an object with the public key and the file’s name' },
  },
  examples: [
    { summary: 'a key for this machine', line: 'nopki keygen -o server.key' },
    { summary: 'one that needs a passphrase whenever it is used', line: 'nopki keygen -p -o alice.key' },
    {
      summary: 'the passphrase out of a password manager',
      line: 'nopki keygen -o alice.key --passphrase-file fd:3 3< <(pass show nopki/alice)',
    },
  ],
  notes: [
    {
      heading: 'Passphrases',
      text: `The secret key is sealed by XChaCha20-Poly1305 under a key that Argon2id makes of the passphrase, in about a second and
        with 256 MiB of memory. It needs the package libsodium-wrappers-sumo, which is not installed with nopki. A passphrase is never
        taken from an argument or from the environment, where other programs could read it.`,
    },
  ],
  async run({ output, passphrase, 'passphrase-file': source, json }) {
    if (json && output === undefined) throw Failure.usage('--json needs --output', 'give the file to create')
    const protection = source !== undefined ? readPassphrase(source) : passphrase ? await askNew() : undefined
    const keyPair = generateKeyPair()
    const publicKey = encodePublicKey(keyPair.publicKey)
    const text = await secretFileText(keyPair, protection, announce)
    if (output === undefined) {
      if (isReadableByOthers(process.stdout.fd)) log.warn('others can read the file that the secret key goes to')
      log.info(`public key: ${publicKey}`)
      process.stdout.write(text)
      return
    }
    createSecretFile(output, text)
    if (json) printJson({ publicKey, file: output })
    else print(publicKey)
  },
})

function askNew(): Promise<string> {
  return askPassphrase('a passphrase for the new key: ', true)
}

function isReadableByOthers(descriptor: number): boolean {
  const status = fstatSync(descriptor)
  return status.isFile() && process.platform !== 'win32' && (status.mode & 0o077) !== 0
}
