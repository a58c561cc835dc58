// The page, made whole: build/page/wire.html with channel.wasm in it, and what it is to show.

import { readFileSync } from 'node:fs'
import type { Recording } from '../../inspect/recording.js'
import { Failure } from '../frame/failure.js'

const PAGE = new URL('../../../page/wire.html', import.meta.url)
const WASM = new URL('../../../channel.wasm', import.meta.url)

/** One HTML file that needs nothing else. */
export function pageWith(recording: Recording | undefined): string {
  let page: string
  let wasm: Buffer
  try {
    page = readFileSync(PAGE, 'utf8')
    wasm = readFileSync(WASM)
  } catch (error) {
    throw new Failure(
      `the page is not there: ${(error as Error).message}`,
      'in a clone run `npm run build`; in an installed package, reinstall it',
    )
  }
  const whole = filled(page, 'wasm', wasm.toString('base64'))
  // Nothing in it can end the element that it stands in.
  return recording ? filled(whole, 'recording', JSON.stringify(recording).replaceAll('<', '\\u003c')) : whole
}

function filled(page: string, id: string, content: string): string {
  const start = page.indexOf(`id="${id}">`)
  if (start < 0) throw new Error(`the page has no place for ${id}`)
  const at = start + `id="${id}">`.length
  return page.slice(0, at) + content + page.slice(at)
}
