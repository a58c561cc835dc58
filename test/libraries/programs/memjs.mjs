// memjs, with memcached; prints blue
import memjs from 'memjs'
import { forward } from 'nopki/tunnel'

const tunnel = await forward(0, process.env.ADDRESS)
const client = memjs.Client.create(`127.0.0.1:${tunnel.port}`)
await client.set('color', 'blue', {})
console.log(String((await client.get('color')).value))
client.close()
await tunnel.close()
