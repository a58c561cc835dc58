// Reading and writing the few sections of a wasm binary that linking and checking need.

export const SECTIONS = [
  'custom',
  'type',
  'import',
  'function',
  'table',
  'memory',
  'global',
  'export',
  'start',
  'element',
  'code',
  'data',
  'data count',
  'tag',
]
const KINDS = ['func', 'table', 'memory', 'global']
const TYPES = /** @type {Record<number, string>} */ ({ 127: 'i32', 126: 'i64', 125: 'f32', 124: 'f64', 112: 'funcref' })

/**
 * @typedef {{ id: number, name: string, body: Uint8Array }} Section
 * @typedef {{ module: string, base: string, kind: string, type: string, tail: number[] }} Import
 * @typedef {{ name: string, kind: string, index: number }} Export
 */

/** @param {Uint8Array} bytes @returns {Section[]} */
export function readSections(bytes) {
  const reader = new Reader(bytes)
  const header = [...reader.take(8)]
  if (header.join() !== '0,97,115,109,1,0,0,0') throw new Error('not a version 1 wasm binary')
  const sections = []
  while (reader.left) {
    const id = reader.u8()
    sections.push({ id, name: SECTIONS[id] ?? `unknown ${id}`, body: reader.take(reader.u32()) })
  }
  return sections
}

/** @param {Section[]} sections */
export function writeSections(sections) {
  const parts = [[0, 97, 115, 109, 1, 0, 0, 0]]
  for (const { id, body } of sections) parts.push([id, ...u32(body.length)], /** @type {any} */ (body))
  return new Uint8Array(Buffer.concat(parts.map(part => Uint8Array.from(part))))
}

/** The binary with a section behind its others that says something. @param {Uint8Array} bytes @param {string} name @param {string} text */
export function withCustomSection(bytes, name, text) {
  const body = Uint8Array.from([...u32(name.length), ...Buffer.from(name), ...Buffer.from(text)])
  return writeSections([...readSections(bytes), { id: 0, name: 'custom', body }])
}

/** @param {Section[]} sections @param {string} name */
export function section(sections, name) {
  const found = sections.find(it => it.name === name)
  if (!found) throw new Error(`the wasm binary has no ${name} section`)
  return found
}

/** Function types as `(i32, i32) -> i32`. @param {Section[]} sections */
export function readTypes(sections) {
  const reader = new Reader(section(sections, 'type').body)
  return reader.list(() => {
    if (reader.u8() !== 0x60) throw new Error('a type that is no function type')
    const values = () => reader.list(() => TYPES[reader.u8()] ?? '?').join(', ')
    return `(${values()}) -> ${values() || 'nothing'}`
  })
}

/** @param {Section[]} sections @returns {Import[]} */
export function readImports(sections) {
  if (!sections.some(it => it.name === 'import')) return []
  const types = readTypes(sections)
  const reader = new Reader(section(sections, 'import').body)
  return reader.list(() => {
    const module = reader.name()
    const base = reader.name()
    const kind = KINDS[reader.u8()] ?? '?'
    const from = reader.at
    const type = kind === 'func' ? (types[reader.u32()] ?? '?') : skipExtern(reader, kind)
    return { module, base, kind, type, tail: [...reader.bytes.subarray(from, reader.at)] }
  })
}

/** @param {Import[]} imports */
export function writeImports(imports) {
  const parts = imports.map(it => [...name(it.module), ...name(it.base), KINDS.indexOf(it.kind), ...it.tail])
  return Uint8Array.from([...u32(imports.length), ...parts.flat()])
}

/** The type of every function, imported ones first: what an export's index counts. @param {Section[]} sections */
export function readFunctionTypes(sections) {
  const types = readTypes(sections)
  const imported = readImports(sections).filter(it => it.kind === 'func')
  const reader = new Reader(section(sections, 'function').body)
  return [...imported.map(it => it.type), ...reader.list(() => types[reader.u32()] ?? '?')]
}

/** @param {Section[]} sections @returns {Export[]} */
export function readExports(sections) {
  const reader = new Reader(section(sections, 'export').body)
  return reader.list(() => ({ name: reader.name(), kind: KINDS[reader.u8()] ?? '?', index: reader.u32() }))
}

/** @param {Export[]} exports */
export function writeExports(exports) {
  const parts = exports.map(it => [...name(it.name), KINDS.indexOf(it.kind), ...u32(it.index)])
  return Uint8Array.from([...u32(exports.length), ...parts.flat()])
}

/** The i32 constants that the module's own globals start with. @param {Section[]} sections */
export function readGlobals(sections) {
  const reader = new Reader(section(sections, 'global').body)
  return reader.list(() => {
    const type = TYPES[reader.u8()]
    const mutable = reader.u8() === 1
    if (type !== 'i32' || reader.u8() !== 0x41) throw new Error('a global that is no i32 constant')
    const value = reader.s32()
    if (reader.u8() !== 0x0b) throw new Error('a global with a long initial value')
    return { mutable, value }
  })
}

/** Where the last active data segment ends. @param {Section[]} sections */
export function readDataEnd(sections) {
  const reader = new Reader(section(sections, 'data').body)
  const ends = reader.list(() => {
    if (reader.u8() !== 0 || reader.u8() !== 0x41) throw new Error('a data segment that is not placed by a constant')
    const offset = reader.s32()
    if (reader.u8() !== 0x0b) throw new Error('a data segment with a long offset')
    return offset + reader.take(reader.u32()).length
  })
  return Math.max(...ends)
}

/** A module that exports i32 constants. @param {Record<string, number>} constants */
export function constantsModule(constants) {
  const entries = Object.entries(constants)
  const globals = entries.map(([, value]) => [0x7f, 0, 0x41, ...s32(value), 0x0b])
  const exports = entries.map(([name], index) => ({ name, kind: 'global', index }))
  return writeSections([
    { id: 6, name: 'global', body: Uint8Array.from([...u32(entries.length), ...globals.flat()]) },
    { id: 7, name: 'export', body: writeExports(exports) },
  ])
}

/** @param {Reader} reader @param {string} kind */
function skipExtern(reader, kind) {
  if (kind === 'table') reader.u8()
  if (kind === 'global') {
    const type = TYPES[reader.u8()] ?? '?'
    return reader.u8() ? `mut ${type}` : type
  }
  const flags = reader.u8()
  reader.u32()
  if (flags & 1) reader.u32()
  return kind
}

class Reader {
  /** @param {Uint8Array} bytes */
  constructor(bytes) {
    this.bytes = bytes
    this.at = 0
  }

  get left() {
    return this.bytes.length - this.at
  }

  u8() {
    if (!this.left) throw new Error('the wasm binary ends too soon')
    return /** @type {number} */ (this.bytes[this.at++])
  }

  u32() {
    let value = 0
    for (let shift = 0; ; shift += 7) {
      const byte = this.u8()
      value += (byte & 0x7f) * 2 ** shift
      if (byte < 0x80) return value
    }
  }

  s32() {
    let value = 0
    for (let shift = 0; ; ) {
      const byte = this.u8()
      value |= (byte & 0x7f) << shift
      shift += 7
      if (byte < 0x80) return shift < 32 && byte & 0x40 ? value | (-1 << shift) : value
    }
  }

  /** @param {number} length */
  take(length) {
    if (length > this.left) throw new Error('the wasm binary ends too soon')
    this.at += length
    return this.bytes.subarray(this.at - length, this.at)
  }

  name() {
    return new TextDecoder().decode(this.take(this.u32()))
  }

  /** @template T @param {() => T} item @returns {T[]} */
  list(item) {
    return Array.from({ length: this.u32() }, item)
  }
}

/** @param {number} value */
function u32(value) {
  const bytes = []
  do {
    bytes.push((value & 0x7f) | (value > 0x7f ? 0x80 : 0))
    value = Math.floor(value / 128)
  } while (value)
  return bytes
}

/** @param {number} value */
function s32(value) {
  const bytes = []
  for (;;) {
    const byte = value & 0x7f
    value >>= 7
    const last = (value === 0 && !(byte & 0x40)) || (value === -1 && byte & 0x40)
    bytes.push(last ? byte : byte | 0x80)
    if (last) return bytes
  }
}

/** @param {string} text */
function name(text) {
  const bytes = new TextEncoder().encode(text)
  return [...u32(bytes.length), ...bytes]
}
