// The Angular example as it is built: what its first load, its tokens and its interceptor do.
import { spaTests } from "../harness/spa-tests.ts";

spaTests("angular-spa");
