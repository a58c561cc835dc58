/** What channel.wasm exports: assembly/index.ts documents each. Pointers and lengths are in bytes. */
export interface CoreExports {
  memory: { readonly buffer: ArrayBuffer }
  createArena(): number
  allocate(arena: number, size: number): number
  release(arena: number, pointer: number, size: number): void
  bytesInUse(arena: number): number
  buffersInUse(arena: number): number
  drawKeyPair(pair: number): void
  derivePublicKey(pair: number): void
  namePair(name: number, pair: number, key: number): void
  createChannel(
    arena: number,
    role: number,
    versions: number,
    options: number,
    setup: number,
    contextLength: number,
    moreKeys: number,
  ): number
  closeChannel(channel: number): void
  start(channel: number): number
  phase(channel: number): number
  status(channel: number): number
  version(channel: number): number
  rejectCode(channel: number): number
  peerKey(channel: number): number
  keyIndex(channel: number): number
  handshakeHash(channel: number): number
  sessionKeys(channel: number): number
  clientSessionKey(channel: number): number
  exportKey(channel: number, out: number, length: number, input: number, inputLength: number): number
  receiveRoom(channel: number): number
  receivePointer(channel: number): number
  received(channel: number, length: number): number
  read(channel: number): number
  bytesHeld(channel: number): number
  dataPointer(channel: number): number
  dataLength(channel: number): number
  consume(channel: number, length: number): number
  writeRoom(channel: number): number
  writePointer(channel: number, length: number): number
  seal(channel: number, length: number, type: number): number
  roomWhenEmpty(channel: number): number
  writeEnded(channel: number): number
  sendPointer(channel: number): number
  sendLength(channel: number): number
  sent(channel: number, length: number): number
  shapeRecords(channel: number, limit: number, block: number, rekeyAfter: number, hostFrom: number): void
  openHello(arena: number, secretKey: number, hello: number, length: number, expected: number): number
  rejectHello(arena: number, secretKey: number, hello: number, code: number, reject: number): number
  createOpener(arena: number, version: number, key: number, header: number): number
  openRecord(opener: number, record: number): number
  closeOpener(arena: number, opener: number): void
}
