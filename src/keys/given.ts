// What callers hand over, read so that what was checked is what is used.

/**
 * An option as it is now: own, or inherited from a class. What stands on `Object.prototype` is nobody's word: a careless merge of
 * somebody's JSON can put it there.
 */
export function given(source: object, name: string): unknown {
  for (let at = source; at; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at, name)) return isRoot(at) ? undefined : (source as Record<string, unknown>)[name]
  }
  return (source as Record<string, unknown>)[name]
}

/** The names that an object has, those of its classes too, each once. */
export function namesOf(source: object): Set<string> {
  const names = new Set<string>()
  for (let at = source; at && !isRoot(at); at = Object.getPrototypeOf(at)) {
    for (const name of Object.getOwnPropertyNames(at)) names.add(name)
  }
  return names
}

/** What objects have that inherit nothing. V8 keeps these as fast as a literal; those of `Object.create(null)` it makes hash tables. */
function Bare() {}
Bare.prototype = Object.freeze(Object.create(null))

/** All that these objects have of their own, in one that inherits nothing; what comes later counts. */
export function bare<T extends object>(...parts: Partial<T>[]): T {
  return Object.assign(new (Bare as unknown as new () => T)(), ...parts)
}

/** Whether it is a Uint8Array, of any realm: a test runner, or `vm`, has a Uint8Array of its own. */
export function isBytes(value: unknown): value is Uint8Array {
  return partOf(value, Symbol.toStringTag) === 'Uint8Array'
}

/** Bytes of any kind as a Uint8Array of them; undefined for anything else. */
export function viewOf(value: unknown): Uint8Array | undefined {
  if (isBytes(value)) return value
  if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
  return kindOf(value) === 'ArrayBuffer' ? new Uint8Array(value as ArrayBuffer) : undefined
}

/** What the platform made it as, in any realm: `URL`, `ArrayBuffer`, `WebAssembly.Module`. */
export function kindOf(value: unknown): string {
  return Object.prototype.toString.call(value).slice(8, -1)
}

/** How many bytes it has, whatever its properties say: 0 where its buffer is gone. */
export function lengthOf(bytes: Uint8Array): number {
  return partOf(bytes, 'length') as number
}

/** A copy that nobody else can change, or take away. */
export function copyOf(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return lengthOf(bytes) === 0 ? new Uint8Array() : new Uint8Array(bytes)
}

/** `Object.prototype`, of any realm. */
function isRoot(it: object): boolean {
  return !Object.getPrototypeOf(it) && Object.hasOwn(it, 'isPrototypeOf')
}

function partOf(value: unknown, name: PropertyKey): unknown {
  return Reflect.getOwnPropertyDescriptor(TypedArray, name)?.get?.call(value)
}

const TypedArray: object = Object.getPrototypeOf(Uint8Array.prototype)
