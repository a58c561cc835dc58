import { render } from 'preact'
import type { Recording } from '../../inspect/recording.js'
import { App } from './app.js'
import { fromBase64 } from './capture.js'

const root = document.getElementById('root')
if (root) start(root)

/** What the page holds beside its code: channel.wasm, and what `nopki wire` was given. */
async function start(root: HTMLElement): Promise<void> {
  try {
    const module = await WebAssembly.compile(fromBase64(embedded('wasm')))
    const recording = embedded('recording')
    render(
      <App module={module} recording={recording === '' ? undefined : (JSON.parse(recording) as Recording)} />,
      root,
    )
  } catch (error) {
    render(
      <p class="broken">
        This browser cannot run the page: {String(error)}. It needs WebAssembly with SIMD, as all have since 2023.
      </p>,
      root,
    )
  }
}

function embedded(id: string): string {
  return document.getElementById(id)?.textContent?.trim() ?? ''
}
