//! Which names of fields are secret.

use buttress_error::{is_secret, is_secret_number};

#[track_caller]
fn all(names: &str, expected: bool, judge: fn(&str) -> bool) {
    let wrong: Vec<_> = names.split_whitespace().filter(|name| judge(name) != expected).collect();
    assert!(wrong.is_empty(), "not {expected}: {wrong:?}");
}

/// [S38] A field whose name has a secret word in any spelling is secret.
#[test]
fn secret_names() {
    let names = "
        password secret apikey credentials token cookie set_cookie csrftoken auth my_password_super_secure apiKey
        X-Octopus-ApiKey DB_PASSWORD proxy-authorization aws_secret_access_key AWSSecretKey
        http.request.header.authorization refreshToken session sessionId stripe.api_key x-api-key private_key
        user.passwd XMLToken2 x-authtoken accesstoken refreshtoken apitoken clientsecret passcode master_key pass
        DB_PASS smtpPass pin card.pin pinCode pass_word ssn customer_ssn cvv otp PGPASSWORD dbpasswd tokens
        refreshTokens secrets cookies passwords credentials sessions api_keys apikeys otps pins
    ";
    all(names, true, is_secret);
}

/// [S38] Second factors, codes, keys of any use, connection strings and signatures are secret, however they are spelled.
#[test]
fn secret_compounds() {
    let names = "
        creds db_creds dbCreds totp user.totp hotp mfa_code mfaCode card_number cardNumber card-number security_code
        securityCode recovery_code recovery-code login_code verification_code smsCode seed_phrase seedPhrase
        recovery_phrase mnemonic wallet.mnemonic privkey hmac_key hmacKey storage_key storageKey license_key
        licence-key authkey accesskey AccessKey sessiontoken sessionToken X-Amz-Signature x-amz-signature
        X-Goog-Signature signature sig connection_string connectionString ConnectionStrings conn_str connstr dsn
        sentry_dsn SENTRY_DSN kubeconfig KUBECONFIG kube-config userPw user_pw pw mysuperlongestpassword JSESSIONID
        passkey
    ";
    all(names, true, is_secret);
}

/// [S38] Whole words only, and a name that describes a secret is none.
#[test]
fn harmless_names() {
    let names = "
        author authenticated primary_key2 cache_key monkey passenger spinning mapping compass pass_rate passed
        bypass pinned pin_count opinion classname secretary active_sessions prompt_tokens tokens_per_second
        max_tokens token_type password_policy session_count card message url trace_id commit hasPassword is_secret _
        tokenizer key Schlüssel 🔑
    ";
    all(names, false, is_secret);
    assert!(!is_secret(""));
}

/// A name whose last word describes a secret holds none, whatever the type of its value.
#[test]
fn descriptions_of_secrets() {
    let names = "
        token_pct tokenPct token.pct token-pct auth_port authPort auth.port auth-port auth_level authLevel
        password_matches passwordMatches password.matches cookie_consent cookieConsent cookie-consent auth_host
        auth_realm auth_server token_scope token_audience session_timeout_ms credential_backend cookie_preference
        secret_file pw_strength mfa_code_length card_number_valid kubeconfig_path dsn_host signature_algorithm
        function_signature status_code error_code exitCode routing_key partition_key public_key phone_number
        line_number format_string seed
    ";
    all(names, false, is_secret);
    all(names, false, is_secret_number);
}

/// A number is a measure unless the last word of its name is a secret or a value.
#[test]
fn numbers_that_are_measures() {
    let names = "
        audio_tokens tokens_in tokensOut tokens prompt_tokens_cached cached_tokens completion_tokens reasoningTokens
        llm.usage.tokens image-tokens max_tokens max_token token_count token_count_by_user total_tokens
        tokens_per_second tokens_left tokens_used token_budget token_cost token_bucket token_bucket_size
        token_ttl_secs token_expires_in token_issued_at token_refreshed token_exp tokenAge auth_duration_ms
        authDurationMs auth_ms auth_latency_p99 auth.latency.seconds auth_retries auth_failed auth_failures auth_ok
        auth_success auth_attempts auth_status auth_tokens authorization_duration authorized authors cookie_domain
        cookie_path cookie_max_age cookie_count cookie_bytes cookie_secure cookie_httponly cookies cookies_set
        render_pass second-pass optimizerPass passes pass_rate pass_count password_attempts password_length
        password_strength password_entropy_bits password_changed password_age_days min_password_len passwords
        passwords_checked secret_version secrets secrets_rotated session_count session_duration session_active
        session_started_at sessions active_sessions sessions_open key_len api_keys api_key_count api_key_version
        private_key_bits pins pin_attempts pin_length gpio_pins otps_sent otp_ttl otp_verified jwt_size jwts
        credential_age credentials has_token is_secret
    ";
    all(names, false, is_secret_number);
    let nouns_in_no_list = "
        auth_shard session_replicas tokens_wasted token_saved password_reused cookie_jars auth_pool_idle
        auth.queue.depth authQueueDepth session-weight otp_resent pin_tries secret_leases credential_rotations
    ";
    all(nouns_in_no_list, false, is_secret_number);
}

/// Real secrets stay hidden whatever the type of their value.
#[test]
fn numbers_that_are_secrets() {
    let names = "
        pin PIN pin_1 card_pin pinCode input_pin used_pin invalid_otp otp otp2 otp_code otp_used_code otp_value
        smsOtp cvv cvc card.cvv cvv_code ssn customer_ssn password db_password db_pass pass pass_2 smtpPass passcode
        pgpassword password_hash new_password token access_token refreshToken csrf-token token_value expired_token
        tokens_secret api_key apiKey x-api-key X-Octopus-ApiKey set-cookie cookie session session_id user_session
        secret client_secret clientSecret aws_secret_access_key auth auth_code authorization proxy-authorization
        bearer jwt private_key signing_key my_password_super_secure_code card_number security_code recovery_code
        totp mfa_code hmac_key password_old new_password_backup token_hex session_value
    ";
    all(names, true, is_secret_number);
    all(names, true, is_secret);
}

/// As text, what may hold secrets stays hidden, and what describes one does not.
#[test]
fn text_of_measures() {
    all("tokens audio_tokens tokens_in auth_failed cookies sessions_in_use pins", true, is_secret);
    all("token_bucket cookie_domain render_pass auth_duration secret_version passes", false, is_secret);
}
