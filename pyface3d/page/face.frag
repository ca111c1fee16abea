#version 300 es
precision highp float;
in vec3 viewNormal;
in vec4 color;
in vec3 ownPhoto;
in vec3 mirrorPhoto;
in vec4 baked;                   // tone of the texture nearby; a: whether this is skin
in vec3 place;                   // in the texture; z: whether it is on the chart
uniform sampler2D photo;
uniform sampler2D skinTexture;
uniform bool textured;           // the face has a texture
uniform int surface;             // 0 clay, 1 photo, 2 normals, 3 one color
uniform vec4 flatColor;
uniform float opacity;
uniform float relief;            // how much of the page's light falls on the texture, which has the photo's
out vec4 pixel;

const float FRONTAL = 0.85;      // what falls on a surface that faces the viewer

vec3 toLinear(vec3 c) { return pow(c, vec3(2.2)); }
vec3 toScreen(vec3 c) { return pow(clamp(c, 0.0, 1.0), vec3(1.0 / 2.2)); }

// A large soft key from above left, a cool fill from the right, sky above ground.
vec3 light(vec3 n) {
  float key = max(0.0, dot(n, normalize(vec3(-0.45, 0.55, 0.7))) * 0.8 + 0.2);
  float fill = max(0.0, dot(n, normalize(vec3(0.8, 0.1, 0.35))));
  float sky = 0.5 + 0.5 * n.y;
  return vec3(1.0, 0.97, 0.93) * 0.78 * key + vec3(0.82, 0.9, 1.0) * 0.16 * fill + mix(vec3(0.16, 0.14, 0.14), vec3(0.27, 0.29, 0.33), sky);
}

vec3 clay(vec3 base, vec3 n) {
  vec3 halfway = normalize(normalize(vec3(-0.45, 0.55, 0.7)) + vec3(0.0, 0.0, 1.0));
  float shine = 0.06 * pow(max(0.0, dot(n, halfway)), 28.0);
  float rim = 0.05 * pow(1.0 - max(0.0, n.z), 3.0);
  return toLinear(base) * light(n) + shine + rim;
}

void main() {
  if (surface == 3) {
    pixel = flatColor;
    return;
  }
  vec3 n = normalize(viewNormal) * (gl_FrontFacing ? 1.0 : -1.0);
  vec3 shaded;
  if (surface == 2) {
    shaded = n * 0.5 + 0.5;
  } else {
    shaded = clay(color.rgb, n);
    if (surface == 1 && textured && baked.a > 0.5) {
      shaded = toLinear(mix(baked.rgb, texture(skinTexture, place.xy).rgb, place.z));
      shaded *= mix(1.0, dot(light(n), vec3(0.333)) / FRONTAL, relief);
    } else if (surface == 1) {
      vec3 own = toLinear(texture(photo, ownPhoto.xy).rgb);
      vec3 mirrored = toLinear(texture(photo, mirrorPhoto.xy).rgb);
      float ownWeight = ownPhoto.z;
      float mirrorWeight = mirrorPhoto.z * (1.0 - ownWeight);
      float total = ownWeight + mirrorWeight;
      vec3 seen = total > 0.0 ? (own * ownWeight + mirrored * mirrorWeight) / total : shaded;
      shaded = mix(shaded, seen, color.a * total);
    }
    shaded = toScreen(shaded);
  }
  if (!gl_FrontFacing && place.z < 0.5) shaded *= 0.45;
  pixel = vec4(shaded, 1.0) * opacity;
}
