// A Worker: a request, a response. Its own clock stands still while it works.

import after from 'after.wasm'
import before from 'before.wasm'
import { worker } from './work.js'

const work = worker({ before, after })

export default {
  async fetch(/** @type {Request} */ request) {
    work(await request.json())
    return new Response('done')
  },
}
