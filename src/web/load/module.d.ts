declare module '*/channel.wasm' {
  const module: WebAssembly.Module
  export default module
}
