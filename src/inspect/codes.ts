// Names of the numbers in messages: docs/protocol.md. docs/errors.md has the alert and reject codes, made from these.

import { VERSION_1, VERSION_2, VERSION_REJECT } from '../wire/layout.js'
import * as stream from '../wire/stream.js'

type Names = Readonly<Record<number, string>>

/** The first four bytes of a message, read as a little-endian u32. */
export const VERSIONS: Names = {
  [VERSION_1]: 'version 1',
  [VERSION_2]: 'version 2',
  [VERSION_REJECT]: 'reject of version 2',
}

/** "The stream". */
export const ALERTS: Names = {
  [stream.ALERT_GENERAL]: 'general',
  [stream.ALERT_BAD_RESPONSE]: 'bad challenge response',
  [stream.ALERT_NOT_AUTHORIZED]: 'not authorized',
  [stream.ALERT_SHUTTING_DOWN]: 'shutting down',
  [stream.ALERT_IDLE_TIMEOUT]: 'idle timeout',
}

/** "Reject". */
export const REJECTS: Names = {
  [stream.REJECT_NOT_MY_KEY]: 'not my key',
  [stream.REJECT_NO_ROUTE]: 'no route to that key',
  [stream.REJECT_BACKEND_UNREACHABLE]: 'backend unreachable',
  [stream.REJECT_VERSION_NOT_SERVED]: 'version not served',
}

/** "Credit", "Acceptance", "Signs of life": codes of control records. */
export const CONTROLS: Names = {
  [stream.CONTROL_CREDIT]: 'credit',
  [stream.CONTROL_DATA_END]: 'end of data',
  [stream.CONTROL_ACCEPTED]: 'accepted',
  [stream.CONTROL_ALIVE]: 'alive',
}

/** A record's type: the low four bits of the type byte. */
export const TYPES: Names = {
  [stream.TYPE_DATA]: 'data',
  [stream.TYPE_ALERT]: 'alert',
  [stream.TYPE_CONTROL]: 'control',
}

/** The type byte's flags: version 2 only. */
export const FLAGS: Names = {
  [stream.FLAG_FINAL]: 'final',
  [stream.FLAG_MESSAGE_END]: 'end of message',
  [stream.FLAG_REKEY]: 'rekey',
  [stream.FLAG_RESERVED]: 'reserved (must be 0)',
}
