import { ChannelError } from '../errors.js'
import type { CoreExports } from './exports.js'
import { noWasm } from './failure.js'
import type { HostImports, HostPrimitives } from './host.js'
import { demangle } from './loader.js'
import { VERSION, VERSION_SECTION } from './version.js'

/** Fills an array with random bytes. Anything but a cryptographic source is for tests alone. */
export type RandomSource = (out: Uint8Array) => void

/** A compiled `WebAssembly.Module`, by no name: TypeScript does not know that one without `dom` among its libraries. */
export type WasmModule = object

/** One instance of channel.wasm and its linear memory, which any number of channels share. */
export class Core {
  readonly exports: CoreExports
  /** What the channels of this instance share in linear memory. */
  readonly arena: number
  /** What the host has faster than the linked code, if anything. */
  readonly primitives: HostPrimitives | undefined
  #drawFailure: { error: unknown } | undefined
  #memory: CoreExports['memory']
  #bytes: Uint8Array<ArrayBuffer>

  /**
   * @param module channel.wasm, compiled or as bytes
   * @param random by default the platform's cryptographic source
   * @param primitives what the platform has faster than the linked code; by default nothing
   * @throws ChannelError USE_NO_WASM where it is not this version's channel.wasm
   */
  constructor(
    module: WasmModule | Uint8Array<ArrayBuffer>,
    random: RandomSource = systemRandom,
    primitives?: HostPrimitives,
  ) {
    this.primitives = primitives
    const host = {
      random: (pointer: number, length: number) => this.#draw(random, this.view(pointer, length)),
      ...(primitives?.imports((pointer, length) => this.view(pointer, length)) ?? NO_PRIMITIVES),
    }
    try {
      const { exports } = new WebAssembly.Instance(checkVersion(compiled(module)), { host })
      // A module's own object of exports is slow to look things up in.
      this.exports = demangle<CoreExports>(exports)
      this.#memory = this.exports.memory
      this.#bytes = new Uint8Array(this.#memory.buffer)
      this.arena = this.exports.createArena()
    } catch (cause) {
      throw noWasm('channel.wasm does not instantiate', cause)
    }
  }

  /** All of linear memory. Growth detaches it: derive it when it is used, and do not keep it. */
  get bytes(): Uint8Array<ArrayBuffer> {
    if (this.#bytes.byteLength === 0) this.#bytes = new Uint8Array(this.#memory.buffer)
    return this.#bytes
  }

  /** A view, valid until the next call into the core. */
  view(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.subarray(pointer, pointer + length)
  }

  /** A copy, which stays valid. */
  copy(pointer: number, length: number): Uint8Array<ArrayBuffer> {
    return this.bytes.slice(pointer, pointer + length)
  }

  /**
   * Behind every call that may draw: throws what the random source has thrown meanwhile. What the call has made is no secret then, and
   * `wipe` has to do away with it first.
   */
  checkDraws(wipe: () => void = () => {}): void {
    const failure = this.#drawFailure
    if (!failure) return
    this.#drawFailure = undefined
    wipe()
    throw failure.error
  }

  /** An exception would leave the core amid its work, and nobody could wipe what is half made. */
  #draw(random: RandomSource, out: Uint8Array<ArrayBuffer>): void {
    try {
      random(out)
    } catch (error) {
      out.fill(0)
      this.#drawFailure ??= { error }
    }
  }

  /** Runs `use` with `size` zeroed bytes of linear memory, which are wiped behind it. */
  lend<T>(size: number, use: (pointer: number) => T): T {
    const pointer = this.exports.allocate(this.arena, size)
    if (pointer === 0) throw new ChannelError('USE_NO_MEMORY')
    try {
      return use(pointer)
    } finally {
      this.exports.release(this.arena, pointer, size)
    }
  }

  /** Bytes of linear memory in use by channels, their buffers included. */
  get bytesInUse(): number {
    return this.exports.bytesInUse(this.arena)
  }

  /** Record buffers held by channels: none of them belongs to an idle one. */
  get buffersInUse(): number {
    return this.exports.buffersInUse(this.arena)
  }
}

// The host has none, and the linked code does the work.
const none = () => -1
const NO_PRIMITIVES: HostImports = { multiply: none, seal: none, open: none }

/** Whether it is a compiled module, of any realm: another's is no instance of this one's `WebAssembly.Module`. */
export function isModule(source: unknown): boolean {
  try {
    WebAssembly.Module.exports(source as WebAssembly.Module)
    return true
  } catch {
    return false
  }
}

/** Compiles, unless that is done. @throws ChannelError USE_NO_WASM */
export function compiled(source: WasmModule | Uint8Array): WasmModule {
  if (isModule(source)) return source
  try {
    return new WebAssembly.Module(source as Uint8Array<ArrayBuffer>)
  } catch (cause) {
    throw noWasm('channel.wasm does not compile', cause)
  }
}

/** One of another release may have the same exports, and mean something else by them. @throws ChannelError USE_NO_WASM */
export function checkVersion(module: WasmModule): WasmModule {
  const [section] = WebAssembly.Module.customSections(module, VERSION_SECTION)
  const found = section && new TextDecoder().decode(section)
  if (found === VERSION) return module
  const what = found ? `is of version ${found}` : 'is not one of this package'
  throw new ChannelError('USE_NO_WASM', `the channel.wasm that was found ${what}, and its JavaScript of ${VERSION}`, {
    next: 'take both from the same release, and let no cache keep the old one',
  })
}

// getRandomValues gives at most 64 KiB a call.
const RANDOM_LIMIT = 65536

function systemRandom(out: Uint8Array): void {
  for (let at = 0; at < out.length; at += RANDOM_LIMIT) {
    crypto.getRandomValues(out.subarray(at, at + RANDOM_LIMIT) as Uint8Array<ArrayBuffer>)
  }
}
