// What connects all the time in docs/recipes/rolling-keys.md: each connection says something, and hears it back. Ended by SIGTERM.
//
//   rolling-clients.js ADDRESS -k KEY_FILE

import { loadKey } from '../../src/cli/keys/options.js'
import { connect } from '../../src/node/index.js'

const [address = '', , file = ''] = process.argv.slice(2)
const keyPair = await loadKey(file)
let over = false
let made = 0
const lost: string[] = []
process.once('SIGTERM', () => {
  over = true
})

async function oneAfterTheOther(): Promise<void> {
  while (!over || made < 50) {
    const said = `connection ${made++}`
    try {
      const socket = await connect(address, { keyPair, allowHalfOpen: true })
      socket.end(said)
      let heard = ''
      for await (const chunk of socket) heard += chunk
      if (heard !== said) lost.push(`“${heard}” in place of “${said}”`)
    } catch (error) {
      lost.push(String(error))
    }
  }
}

await Promise.all(Array.from({ length: 4 }, oneAfterTheOther))
console.log(`lost: ${lost.length}`)
for (const it of lost.slice(0, 5)) console.log(it)
