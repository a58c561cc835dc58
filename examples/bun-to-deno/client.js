// A Bun client: sends its arguments to the server, and prints what comes back.
//
//   bun client.js nopki://pk_…@127.0.0.1:… some words

import { connect } from 'nopki'

const [address, ...words] = process.argv.slice(2)
const socket = await connect(address)
socket.end(`${words.join(' ')}\n`)
for await (const chunk of socket) process.stdout.write(chunk)
