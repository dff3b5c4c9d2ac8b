// Stands in for npm opener, which starts the user's browser: ours is the one that knows the pages.
import { User } from "./world.ts";

export default function opener(address: string): void {
  void new User().visit(address).then((back) => fetch(back));
}
