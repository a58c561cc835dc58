// vscode-jsonrpc; prints 42
import { connect, createServer, generateKeyPair } from 'nopki'
import rpc from 'vscode-jsonrpc/node'

const keyPair = generateKeyPair()
const connectionOver = socket =>
  rpc.createMessageConnection(new rpc.SocketMessageReader(socket), new rpc.SocketMessageWriter(socket))
const server = createServer({ keyPair, authorize: 'anyone' }, socket => {
  const connection = connectionOver(socket)
  connection.onRequest('multiply', (a, b) => a * b)
  connection.listen()
})
server.listen(0, '127.0.0.1', async () => {
  const connection = connectionOver(
    await connect({ host: '127.0.0.1', port: server.address().port, serverKey: keyPair.publicKey }),
  )
  connection.listen()
  console.log(await connection.sendRequest('multiply', 6, 7))
  process.exit()
})
