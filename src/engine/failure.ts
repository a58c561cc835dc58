import { ChannelError } from '../errors.js'
import { encodePublicKey } from '../keys/text.js'
import type { Core } from '../wasm/instance.js'
import { ROLE_CLIENT } from '../wire/abi.js'
import { KEY_BYTES } from '../wire/layout.js'
import * as Status from '../wire/status.js'
import {
  REJECT_BACKEND_UNREACHABLE,
  REJECT_NO_ROUTE,
  REJECT_NOT_MY_KEY,
  REJECT_VERSION_NOT_SERVED,
} from '../wire/stream.js'
import type { Setup } from './options.js'

/** What a status of the core says to the user of this channel. */
export function errorOf(core: Core, channel: number, setup: Setup, status: number): ChannelError {
  const client = setup.role === ROLE_CLIENT
  const peer = client ? 'server' : 'client'
  const message = client ? 'challenge' : 'response'
  switch (status) {
    case Status.STATUS_VERSION_UNKNOWN:
      return new ChannelError('PEER_VERSION')
    case Status.STATUS_VERSION_REFUSED:
      return new ChannelError(
        'PEER_VERSION_NOT_SERVED',
        `the client’s hello is of version ${core.exports.version(channel) || 1}`,
      )
    case Status.STATUS_NOT_ADDRESSED:
      return new ChannelError('PEER_NOT_ADDRESSED')
    case Status.STATUS_EXPECTED_OTHER:
      return new ChannelError('PEER_EXPECTED_OTHER')
    case Status.STATUS_WEAK_KEY:
      return new ChannelError('PEER_WEAK_KEY')
    case Status.STATUS_KEY_BOX:
      return new ChannelError(
        'PEER_KEY_UNREADABLE',
        `the box with the ${peer}’s long-term key does not open (in the ${message})`,
      )
    case Status.STATUS_KEY_MISMATCH:
      return keyMismatch(core, channel, setup)
    case Status.STATUS_PROOF:
      return new ChannelError(
        'PEER_BAD_PROOF',
        `the ${peer} could not prove that it holds ${claimedKey(core, channel)} (in the ${message})`,
      )
    case Status.STATUS_REJECTED:
      return rejected(setup, core.exports.rejectCode(channel))
    case Status.STATUS_REJECT_UNVERIFIED:
      return new ChannelError('PEER_REJECT_UNVERIFIED')
    case Status.STATUS_RECORD_SHORT:
      return new ChannelError('PEER_MALFORMED', `the ${peer} sent a record shorter than the protocol allows`)
    case Status.STATUS_RECORD_LONG:
      return new ChannelError('PEER_TOO_LONG')
    case Status.STATUS_RECORD_SEAL:
      return new ChannelError('PEER_BAD_RECORD')
    case Status.STATUS_RECORD_SIZE:
      return new ChannelError('PEER_MALFORMED', `the ${peer} sent a record whose size field does not fit it`)
    case Status.STATUS_RECORD_TYPE:
      return new ChannelError('PEER_MALFORMED', `the ${peer} sent a record of an unknown type`)
    case Status.STATUS_RECORD_PADDING:
      return new ChannelError('PEER_MALFORMED', `the ${peer} sent a record with padding that is not zero`)
    case Status.STATUS_RECORD_CHEAP:
      return new ChannelError('PEER_OVERRUN', `the ${peer} sent too many records without data`, {
        next: 'the peer’s implementation is at fault, or it means harm: records without data are as much work as others',
      })
    case Status.STATUS_RECORD_COUNT:
      return new ChannelError('PEER_MALFORMED', `the ${peer} never turned its key over`)
    case Status.STATUS_RECORD_AFTER_END:
      return new ChannelError('PEER_AFTER_END')
    case Status.STATUS_ENDED:
      return new ChannelError('USE_CLOSED', 'this direction of the channel has ended')
    case Status.STATUS_PHASE:
      return new ChannelError('USE_NOT_CONNECTED')
    case Status.STATUS_TOO_LONG:
      return new ChannelError('USE_SEND_FULL')
    case Status.STATUS_NO_MEMORY:
      return new ChannelError('USE_NO_MEMORY')
    default:
      throw new Error(`the core returned status ${status}, which nothing describes`)
  }
}

/** The key is compared before its proof is checked, so it is only what the server claims. */
function keyMismatch(core: Core, channel: number, setup: Setup): ChannelError {
  const pinned = setup.serverKeys.map(it => encodePublicKey(it)).join(' or ')
  return new ChannelError(
    'PEER_KEY_MISMATCH',
    `the server answers as ${claimedKey(core, channel)}, not as the pinned ${pinned}`,
  )
}

function rejected(setup: Setup, code: number): ChannelError {
  const by = setup.middleboxKey ? 'the middlebox' : 'the server'
  const [asked] = setup.serverKeys
  const key = asked ? encodePublicKey(asked) : 'the server that was asked for'
  const reasons: Record<number, string> = {
    [REJECT_NOT_MY_KEY]: `${by} does not have the key ${key}`,
    [REJECT_NO_ROUTE]: `${by} has no route to ${key}`,
    [REJECT_BACKEND_UNREACHABLE]: `${by} cannot reach ${key} now`,
    [REJECT_VERSION_NOT_SERVED]: `${by} does not serve version 2`,
  }
  return new ChannelError('PEER_REJECTED', reasons[code] ?? `${by} refused the hello with the unknown code ${code}`, {
    reject: code,
  })
}

function claimedKey(core: Core, channel: number): string {
  const key = core.copy(core.exports.peerKey(channel), KEY_BYTES)
  return key.some(byte => byte !== 0) ? encodePublicKey(key) : 'the key of zeros'
}
