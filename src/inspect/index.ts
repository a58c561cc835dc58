// nopki/inspect: wire bytes -> named fields, after docs/protocol.md.

export { type Capture, isCapture, type Packet, readCapture } from './capture/capture.js'
export { type Connection, connectionsOf, type Stream } from './capture/connections.js'
export { type PlainConnection, type PlainPiece, plainCapture } from './capture/plain.js'
export { ALERTS, REJECTS } from './codes.js'
export {
  Conversation,
  type ConversationOptions,
  type Direction,
  messagesOf,
  type Spoken,
  type SpokenField,
} from './conversation.js'
export type { Message, Open, OpenerFor } from './direction.js'
export { type DumpOptions, dump, meaningOf } from './dump.js'
export { fields, type InspectedField, identify } from './fields.js'
export { fromHexText, type KeyLog, type LoggedKey, parseKeyLog, toHex } from './keylog.js'
export { type Field, type FieldKind, LAYOUTS, lengthOf, type MessageKind } from './layouts.js'
export { type Inspectable, memoryMap, type Region } from './memory.js'
export { type MakeOpener, type Opener, openWithOneOf } from './openers.js'
