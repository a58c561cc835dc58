// Where browsers have channel.wasm: beside the package's files, to be fetched. Bundlers know this form of URL.

export function findWasm(): URL {
  return new URL('../../../channel.wasm', import.meta.url)
}

/** There are no files. */
export const readFile = undefined

/** No WebSocket hibernates here. */
export function refuseHibernating(_cause: unknown): void {}
