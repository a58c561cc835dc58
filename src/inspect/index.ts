// nopki/inspect: wire bytes -> named fields, after docs/protocol.md.

export { ALERTS, REJECTS } from './codes.js'
export { type DumpOptions, dump } from './dump.js'
export { fields, type InspectedField, identify } from './fields.js'
export { type Field, type FieldKind, LAYOUTS, lengthOf, type MessageKind } from './layouts.js'
