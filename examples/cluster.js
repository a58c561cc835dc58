// One listening address, all cores: node:cluster hands each connection to one of the workers, which all have the server's key.
//
//     node examples/cluster.js [port] [workers]
//
// It answers every client with the SHA-256 of what it was sent, and with who has worked it out. To try it:
//
//     const socket = await connect('nopki://pk_…@127.0.0.1:4433', { allowHalfOpen: true })
//     socket.end('hello')
//     for await (const chunk of socket) process.stdout.write(chunk)

import cluster from 'node:cluster'
import { createHash } from 'node:crypto'
import { availableParallelism } from 'node:os'
import { createServer, encodePublicKey, generateKeyPair } from 'nopki'

const [port = '4433', workers = availableParallelism()] = process.argv.slice(2)

if (cluster.isPrimary) primary()
else {
  process.once('message', work)
  process.send?.('which key?')
}

function primary() {
  // A server that is to be found again keeps its key in a file.
  const keyPair = generateKeyPair()
  let told = false
  cluster.setupPrimary({ serialization: 'advanced' })
  // The key goes over a pipe: the environment of a process can be read by others.
  cluster.on('message', worker => worker.send(keyPair))
  cluster.on('listening', (_worker, address) => {
    if (!told) console.log(`nopki://${encodePublicKey(keyPair.publicKey)}@127.0.0.1:${address.port}`)
    told = true
  })
  // One that dies is replaced; its connections are lost, and no others.
  cluster.on('exit', worker => worker.exitedAfterDisconnect || cluster.fork())
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, () => cluster.disconnect())
  for (let at = 0; at < Number(workers); at++) cluster.fork()
}

/** @param {import('nopki').KeyPair} keyPair */
function work(keyPair) {
  // It works for anyone; a server with something to lose decides here: `authorize: peer => …`.
  const server = createServer({ keyPair, authorize: 'anyone', allowHalfOpen: true }, socket => {
    const hash = createHash('sha256')
    socket.on('data', chunk => hash.update(chunk))
    socket.on('end', () => socket.end(`${hash.digest('hex')} from process ${process.pid}\n`))
    socket.on('error', error => console.error(`a client was lost: ${error.message}`))
  })
  server.listen(Number(port), '127.0.0.1')
}
