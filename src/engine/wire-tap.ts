import type { CoreExports } from '../wasm/exports.js'
import type { Core } from '../wasm/instance.js'
import { callApart } from './uncaught.js'

/** What `onWire` is given. */
export interface WireBytes {
  /** Who has sent these bytes. */
  direction: 'client' | 'server'
  /** A view, valid until `onWire` returns: copy what is to be kept. */
  bytes: Uint8Array
  /** Where they start, from the first byte of their direction. */
  offset: number
  /** The same object for all bytes of one connection, and for no others: a server has many. */
  connection: object
}

/** The core's `received` and `sent` for one channel, where `onWire` sees the bytes first. More than a window holds is refused, and not told. */
export function tapped(
  core: Core,
  client: boolean,
  onWire: (wire: WireBytes) => void,
): Pick<CoreExports, 'received' | 'sent'> {
  const { exports } = core
  const connection = {}
  const tap = (direction: WireBytes['direction'], room: Call, pointer: Call, then: CoreExports['sent']) => {
    let offset = 0
    return (channel: number, length: number) => {
      if (length > 0 && length <= room(channel)) {
        callApart(() => onWire({ direction, bytes: core.view(pointer(channel), length), offset, connection }))
        offset += length
      }
      return then(channel, length)
    }
  }
  const [near, far] = client ? (['client', 'server'] as const) : (['server', 'client'] as const)
  return {
    received: tap(far, exports.receiveRoom, exports.receivePointer, exports.received),
    sent: tap(near, exports.sendLength, exports.sendPointer, exports.sent),
  }
}

type Call = (channel: number) => number
