import { RecordOpener } from '../../engine/index.js'
import { type KeyLog, type Opener, type OpenerFor, openWithOneOf, toHex } from '../../inspect/index.js'
import { nodeCore } from '../../node/load.js'
import { HELLO_1_SESSION_KEY, KEY_BYTES } from '../../wire/layout.js'

/**
 * Lends what opens a connection's records, if its key is in the log. The log names a connection by a key that the client chooses, so
 * several may have one name: all keys that fit are tried.
 *
 * @param hello the client's first bytes, which name the connection. Of one direction alone they may not be there: then all keys are tried
 */
export function withKeys<T>(
  keys: KeyLog,
  hello: Uint8Array | undefined,
  use: (openerFor: (from: 'client' | 'server') => OpenerFor) => T,
): T {
  const logged = hello ? (keys.get(sessionKeyOf(hello)) ?? []) : [...keys.values()].flat()
  const openers: Opener[] = []
  const make = (version: 1 | 2, key: Uint8Array, header?: Uint8Array) =>
    new RecordOpener(nodeCore(), version, key, header)
  try {
    return use(from => (version, header) => {
      const fitting = logged.filter(it => it.from === from && it.version === version)
      return fitting.length === 0 ? undefined : openWithOneOf(fitting, header, make, openers)
    })
  } finally {
    for (const opener of openers) opener.close()
  }
}

function sessionKeyOf(hello: Uint8Array): string {
  return toHex(hello.subarray(HELLO_1_SESSION_KEY, HELLO_1_SESSION_KEY + KEY_BYTES))
}
