// What somebody on the way can do to the bytes, and what the two ends can be set up with wrongly.

export type Break =
  /** Bit `bit` of byte `offset` of a message is turned. */
  | { kind: 'flip'; message: number; offset: number; bit: number }
  /** The connection closes when so many bytes of a message have passed. */
  | { kind: 'cut'; message: number; offset: number }
  | { kind: 'replay' | 'drop'; message: number }
  /** A message comes behind the next one of its direction. */
  | { kind: 'swap'; message: number }
  /** The client has another server's key. */
  | { kind: 'server-key' }
  /** The client has another context. */
  | { kind: 'context' }

/** A break of this kind, with what of the numbers it has; undefined if there is no such kind. */
export function breakOf(kind: string | undefined, message: number, offset: number, bit: number): Break | undefined {
  switch (kind) {
    case 'flip':
      return { kind, message, offset, bit }
    case 'cut':
      return { kind, message, offset }
    case 'replay':
    case 'drop':
    case 'swap':
      return { kind, message }
    case 'server-key':
    case 'context':
      return { kind }
    default:
      return undefined
  }
}

/** What has become of a message on its way. */
export type Fate = 'whole' | 'flipped' | 'cut' | 'twice' | 'dropped' | 'late'

export interface Carried {
  fate: Fate
  /** What arrives, in order: nothing, one message or two. */
  arrives: Arriving[]
  /** Whether the connection closes behind it. */
  closes: boolean
}

export interface Arriving {
  /** Which message it is, or was. */
  message: number
  bytes: Uint8Array
}

interface Message {
  index: number
  from: string
  bytes: Uint8Array
}

/** The way between the two ends, which does to one message what the break says. */
export function wayWith(broken: Break | undefined): (message: Message) => Carried {
  let held: Message | undefined
  return message => {
    const { index, bytes } = message
    const whole = { message: index, bytes }
    if (held && held.from === message.from) {
      const late = { message: held.index, bytes: held.bytes }
      held = undefined
      return { fate: 'whole', arrives: [whole, late], closes: false }
    }
    if (!broken || !('message' in broken) || broken.message !== index) {
      return { fate: 'whole', arrives: [whole], closes: false }
    }
    switch (broken.kind) {
      case 'flip':
        return { fate: 'flipped', arrives: [{ message: index, bytes: flipped(bytes, broken) }], closes: false }
      case 'cut': {
        const rest = { message: index, bytes: bytes.slice(0, broken.offset) }
        return { fate: 'cut', arrives: [rest], closes: true }
      }
      case 'replay':
        return { fate: 'twice', arrives: [whole, whole], closes: false }
      case 'drop':
        return { fate: 'dropped', arrives: [], closes: false }
      default:
        held = message
        return { fate: 'late', arrives: [], closes: false }
    }
  }
}

function flipped(bytes: Uint8Array, { offset, bit }: { offset: number; bit: number }): Uint8Array {
  const copy = bytes.slice()
  copy[offset] = (copy[offset] ?? 0) ^ (1 << bit)
  return copy
}
