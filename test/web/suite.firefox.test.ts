import { testSuite } from '../runtimes/suite.js'

testSuite('firefox')
