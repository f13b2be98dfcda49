/** Names whose values are secret, written without `_`, `-`, `.` and blanks. Counts of tokens are not among them. */
const SECRET_NAME =
  /(?:apikey|secretkey|accesskey|accesskeyid|subscriptionkey|signingkey|encryptionkey|privatekey|password|passwd|passphrase|pwd|secret|credential|credentials|authorization|cookie|cookies|authtoken|accesstoken|refreshtoken|idtoken|sessiontoken|bearertoken|connectionstring)$/;

/** Whether what stands under a name is to be kept secret. */
export function isSecretName(name: string): boolean {
  if (name.length > 128) return false;
  const plain = name.toLowerCase().replace(/[-_.\s]/g, "");
  return plain === "token" || SECRET_NAME.test(plain);
}
