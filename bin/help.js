export { default } from "@citadel/core/help";
