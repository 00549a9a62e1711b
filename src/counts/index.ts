export { dayOf, type Counts, type Downloads } from "./downloads.ts";
