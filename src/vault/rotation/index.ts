export { rotateDue, type DueRotation } from "./due.ts";
export {
  readRotationPolicy,
  readRotationRules,
  type RotationPolicy,
  type RotationRules,
} from "./policy.ts";
export { rotateInSteps } from "./steps.ts";
