/** Who is at fault is in the prefix: PEER_* the other end, LINK_* the connection between, USE_* the caller. */
export type ChannelErrorCode = keyof typeof TEXTS | keyof typeof MEANINGS | keyof typeof OUTSIDE

/** Codes whose errors may leave it at what the code means. */
type PlainCode = Exclude<keyof typeof TEXTS, keyof typeof MEANINGS>

/** What a code means, and what to do about it, each a part of a sentence. */
interface Texts {
  means: string
  next: string
}

/** What errors say by themselves. Every bundle has these; docs/errors.md has `MEANINGS` and `OUTSIDE`, too. */
const TEXTS = {
  PEER_VERSION: {
    means: 'the first bytes are no version of this protocol',
    next: 'check that the port is a nopki port and that both ends speak the same version',
  },
  PEER_VERSION_NOT_SERVED: {
    next: 'connect with another version, or add it to the server’s `versions`',
  },
  PEER_NOT_ADDRESSED: {
    means: 'the hello is not addressed to this server, which ignores strangers',
    next: 'pin this server’s public key in the client; if it is pinned, both ends need the same release',
  },
  PEER_EXPECTED_OTHER: {
    means: 'the client is looking for a server with another key',
    next: 'check the address and the pinned key in the client',
  },
  PEER_KEY_UNREADABLE: {
    next: 'someone changed the handshake on its way, or the two ends do not have the same `context`',
  },
  PEER_KEY_MISMATCH: {
    next: 'if it was re-keyed, get its new key from its operator and update the pinned key; if not, someone may be answering in its place',
  },
  PEER_BAD_PROOF: {
    next: 'someone may be in the middle; do not retry with checks turned off',
  },
  PEER_WEAK_KEY: {
    means: 'the peer sent a key that no honest program makes',
    next: 'do not trust this peer',
  },
  PEER_REJECTED: {
    next: 'check the server key, or ask the operator',
  },
  PEER_REJECT_UNVERIFIED: {
    means: 'a refusal came in place of the challenge, and who made it could not be verified',
    next: 'pin the server’s or middlebox’s key to learn who refused; with a pinned key, someone may be interfering, or the two ends are of different releases',
  },
  PEER_NOT_AUTHORIZED: {
    means: 'the server knows who the client is, and does not serve it',
    next: 'ask the server’s operator to authorize the client’s public key',
  },
  PEER_ALERT: {
    next: 'the alert’s code and text are in `error.alert`',
  },
  PEER_BAD_RECORD: {
    means: 'a record does not open: it was changed, replayed, reordered or dropped on its way',
    next: 'someone may be interfering; connect anew',
  },
  PEER_MALFORMED: {
    next: 'the peer’s implementation is at fault: report it there',
  },
  PEER_TOO_LONG: {
    means: 'the peer sent a record longer than the protocol allows',
    next: 'the peer’s implementation is at fault: report it there',
  },
  PEER_AFTER_END: {
    means: 'bytes came behind the end of the peer’s direction',
    next: 'someone may be interfering, or the peer’s implementation is at fault',
  },
  PEER_OVERRUN: {
    next: 'read faster; if the peer knows credit, or sent no data, its implementation is at fault',
  },
  LINK_CLOSED: {
    next: 'the peer may refuse this hello without a word (wrong version, wrong context, a key that is not pinned, too busy), or not be a nopki server',
  },
  LINK_TRUNCATED: {
    means: 'the connection closed without the authenticated end: data may be missing',
    next: 'treat what was received as incomplete, and connect anew',
  },
  LINK_TIMEOUT: {
    next: 'check the network and the peer, or raise the timeout',
  },
  USE_CLOSED: {
    means: 'the channel is closed, or this direction of it has ended',
    next: 'write before `end()`, `alert()` or `close()`, and use a new channel after',
  },
  USE_NOT_CONNECTED: {
    means: 'the handshake is not over',
    next: 'wait for `connected`',
  },
  USE_SEND_FULL: {
    means: 'the send window has no room for this record',
    next: 'send what `take()` or `sendWindow()` holds first; nothing was lost',
  },
  USE_VERSION: {
    next: 'use version 2 on both ends',
  },
  USE_BAD_KEY: {
    next: 'public keys look like pk_…, secret keys like sk_…, with 43 characters behind the prefix',
  },
  USE_BAD_OPTION: {
    next: 'correct the value',
  },
  USE_NO_MEMORY: {
    means: 'the wasm memory cannot grow',
    next: 'close channels, or spread them over several processes',
  },
  USE_NOT_LOADED: {
    means: 'channel.wasm is not loaded yet',
    next: '`await ready()` first',
  },
  USE_NO_WASM: {
    next: 'in a clone run `npm run build`; in an installed package, reinstall it; in a bundle, import `nopki/inline` first',
  },
} as const

/** What those codes mean whose errors always say more. */
const MEANINGS = {
  PEER_VERSION_NOT_SERVED: 'the client asked for a version that this server does not serve',
  PEER_KEY_UNREADABLE: 'the box with the peer’s long-term key does not open',
  PEER_KEY_MISMATCH: 'the server is not the one whose key is pinned',
  PEER_BAD_PROOF: 'the peer could not prove that it holds the key it claims',
  PEER_REJECTED: 'the server or middlebox that was addressed refused the hello, and proved that it was the one',
  PEER_ALERT: 'the peer ended its direction with an alert',
  PEER_MALFORMED: 'the peer sent a record that the protocol forbids',
  PEER_OVERRUN: 'the peer sent more than this end takes unread, or too many records without data',
  LINK_CLOSED: 'the connection closed before the handshake was over',
  LINK_TIMEOUT: 'the peer took too long',
  USE_VERSION: 'version 1 of the protocol does not have this',
  USE_BAD_KEY: 'this is not the key that belongs here',
  USE_BAD_OPTION: 'an option or argument has a value that is not possible',
  USE_NO_WASM: 'channel.wasm could not be loaded',
}

/** Of what browsers never do: whoever makes such an error hands these in. */
export const OUTSIDE = {
  LINK_LIMIT: {
    means: 'too many handshakes are pending at this server: this one was the oldest, and gave way to another',
    next: 'raise `maxPendingHandshakes`, or look for who opens connections and does not finish them',
  },
  USE_BAD_ADDRESS: {
    means: 'this is not an address',
    next: 'addresses look like nopki://pk_…@host:port',
  },
  USE_BAD_FILE: {
    means: 'a file with keys cannot be read, or has something in it that it must not have',
    next: 'correct the file, or give another',
  },
}

/** Every code, with what docs/errors.md says of it. */
export function errorTable(): Record<ChannelErrorCode, Texts> {
  const rows = Object.entries({ ...TEXTS, ...OUTSIDE }).map(([code, texts]) => [
    code,
    { means: MEANINGS[code as keyof typeof MEANINGS], ...texts },
  ])
  return Object.fromEntries(rows)
}

/** What a peer has ended its direction with. */
export interface Alert {
  /** 1 general, 2 bad challenge response, 3 not authorized, 4 shutting down, 5 idle timeout; others as they came. */
  code: number
  /** As the peer sent it: not cleaned of control characters. */
  text: string
}

export interface ErrorDetails {
  /** What to do, where it is more than the code’s own advice. */
  next?: string
  /** The alert that the peer sent. */
  alert?: Alert
  /** The code of a reject: 1 not my key, 2 no route to that key, 3 backend unreachable, 4 version not served. */
  reject?: number
  /** The peer’s long-term public key, proved, where a server says whom it has refused. */
  remotePublicKey?: Uint8Array
  cause?: unknown
}

/** Every error of this package. The message says what happened, at which step, and what to do next. */
export class ChannelError extends Error {
  /** Always this, whichever copy of this package has made it. */
  override readonly name = 'ChannelError'
  /** Which error it is: docs/errors.md has all of them. */
  readonly code: ChannelErrorCode
  /** The message without its code and advice. */
  readonly reason: string
  /** As in `ErrorDetails`. */
  declare readonly alert?: Alert
  /** As in `ErrorDetails`. */
  declare readonly reject?: number
  /** As in `ErrorDetails`. */
  declare readonly remotePublicKey?: Uint8Array

  /** @param reason what has happened: errors with most codes have no words of their own for that */
  constructor(code: PlainCode, reason?: string, details?: ErrorDetails)
  constructor(code: ChannelErrorCode, reason: string, details?: ErrorDetails)
  constructor(code: ChannelErrorCode, reason: string = textsOf(code).means, details: ErrorDetails = {}) {
    const options = details.cause === undefined ? undefined : { cause: details.cause }
    super(`${code}: ${reason}; ${details.next ?? textsOf(code).next}`, options)
    this.code = code
    this.reason = reason
    if (details.alert) this.alert = details.alert
    if (details.reject !== undefined) this.reject = details.reject
    if (details.remotePublicKey) this.remotePublicKey = details.remotePublicKey
  }
}

/** A user’s program may make an error of any code, and say no more. */
function textsOf(code: ChannelErrorCode): Texts {
  return {
    means: 'it was thrown without a reason',
    next: 'docs/errors.md says more',
    ...(TEXTS as Partial<Record<ChannelErrorCode, Partial<Texts>>>)[code],
  }
}

/** A peer’s text made fit for a log or a terminal: one line, no control or direction characters, of bounded length. */
export function printable(text: string, limit = 200): string {
  const clean = text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
  return clean.length > limit ? `${clean.slice(0, limit)}…` : clean
}
