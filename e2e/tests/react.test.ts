// The React example as it is built: what its first load, its tokens and its fetch do.
import { spaTests } from "../harness/spa-tests.ts";

spaTests("react-spa");
