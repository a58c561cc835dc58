/** This package’s version: channel.wasm has to be of the same. package.json says it too, and a test compares them. */
export const VERSION = '0.1.0'

/** The custom section in which channel.wasm says its version. */
export const VERSION_SECTION = 'nopki'
