import { encodePublicKey } from '../../node/index.js'
import { defineCommand } from '../frame/command.js'
import { print, printJson } from '../frame/output.js'
import { keyOptions, loadKey } from '../keys/options.js'

export const pubkey = defineCommand({
  name: 'pubkey',
  summary: 'prints the public key of a secret key file',
  description: `Prints the public key that belongs to the secret key in FILE. It is worked out from the secret key, and not taken
    from the comment, so a file that is protected by a passphrase needs it.`,
  args: [{ name: 'FILE', summary: 'a secret key file, as keygen makes it', completes: 'file' }],
  options: {
    'passphrase-file': keyOptions['passphrase-file'],
    'insecure-key-file': keyOptions['insecure-key-file'],
    json: { summary: 'prints an object with the public key' },
  },
  examples: [
    { summary: 'what to give to the operator of a server', line: 'nopki pubkey alice.key' },
    { summary: 'letting oneself in', line: 'echo "$(nopki pubkey alice.key) alice" >> authorized_keys' },
  ],
  async run({ json, ...access }, [file = '']) {
    const publicKey = encodePublicKey((await loadKey(file, access)).publicKey)
    if (json) printJson({ publicKey })
    else print(publicKey)
  },
})
