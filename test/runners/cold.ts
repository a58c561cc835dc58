// In Node, Deno and Bun: a process that does nothing else.

import { coldStart } from '../suite/cold.js'

console.log(JSON.stringify(await coldStart(() => import('nopki/web'))))
