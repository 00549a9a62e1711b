import { Page } from "../../parts/page.tsx";
import type { ScreenProps } from "../../screens.ts";

/** Everything about one package. */
export default function PackageScreen({ params }: ScreenProps) {
  const { name = "" } = params;
  return <Page title={name}>{null}</Page>;
}
