import { RecordOpener } from '../../engine/index.js'
import { type Direction, type KeyLog, type LoggedKey, type Open, toHex } from '../../inspect/index.js'
import { nodeCore } from '../../node/load.js'
import { HELLO_1_SESSION_KEY, KEY_BYTES } from '../../wire/layout.js'

type OpenerFor = (from: 'client' | 'server') => Direction['openerFor']

/**
 * Lends what opens a connection's records, if its key is in the log. The log names a connection by a key that the client chooses, so
 * several may have one name: all keys that fit are tried.
 *
 * @param hello the client's first bytes, which name the connection. Of one direction alone they may not be there: then all keys are tried
 */
export function withKeys<T>(keys: KeyLog, hello: Uint8Array | undefined, use: (openerFor: OpenerFor) => T): T {
  const logged = hello ? (keys.get(sessionKeyOf(hello)) ?? []) : [...keys.values()].flat()
  const openers: RecordOpener[] = []
  try {
    return use(from => (version, header) => {
      const fitting = logged.filter(it => it.from === from && it.version === version)
      return fitting.length === 0 ? undefined : openWithOneOf(fitting, header, openers)
    })
  } finally {
    for (const opener of openers) opener.close()
  }
}

/** Opens a direction's records, by the first of these keys that opens the first record. @param openers gets what has to be closed */
function openWithOneOf(keys: LoggedKey[], header: Uint8Array | undefined, openers: RecordOpener[]): Open {
  let found: RecordOpener | undefined
  return record => {
    if (found) return found.open(record)
    let failure: unknown
    for (const { version, key } of keys) {
      const opener = new RecordOpener(nodeCore(), version, key, header)
      try {
        const plaintext = opener.open(record)
        openers.push(opener)
        found = opener
        return plaintext
      } catch (error) {
        opener.close()
        failure = error
      }
    }
    throw failure
  }
}

function sessionKeyOf(hello: Uint8Array): string {
  return toHex(hello.subarray(HELLO_1_SESSION_KEY, HELLO_1_SESSION_KEY + KEY_BYTES))
}
