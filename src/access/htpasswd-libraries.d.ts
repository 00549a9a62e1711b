declare module "apache-md5" {
  /** The hash `$apr1$…` of a password. @param hash one whose salt is taken */
  export default function md5(password: string, hash: string): string;
}

declare module "unix-crypt-td-js" {
  /** crypt(3) with DES. @param salt two characters */
  export default function crypt(password: string, salt: string): string;
}
