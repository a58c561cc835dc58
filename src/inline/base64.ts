// The build puts channel.wasm here (tools/inline.js).

export const BASE64: string = ''
