// knex, with postgresql; prints 42
import knex from 'knex'
import { connectSocket } from 'nopki'

const stream = () => connectSocket(process.env.ADDRESS)
const database = knex({ client: 'pg', connection: { user: 'postgres', stream } })
const [{ answer }] = await database.select(database.raw('6 * 7 as answer'))
console.log(answer)
await database.destroy()
